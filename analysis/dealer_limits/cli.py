"""The command line. Heavy packages are imported by the commands that need them, so that --help is quick."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import in_one_line

# Matrices here are small, or are summed without BLAS: threads of it would cost more than they give, and round sums
# otherwise on another number of cores. It is read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    help="Dealers' risk limits: pseudo data, warehouse, estimates, data quality.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# a pipe has no width of its own: wide enough for three columns of a table
console = Console(width=None if sys.stdout.isatty() else 120)

WAREHOUSE = Path(os.environ.get("WAREHOUSE_DIR", "warehouse")) / "dealer_limits.duckdb"
RUN_RESULTS = Path(os.environ.get("DBT_TARGET_PATH", "target")) / "run_results.json"
Warehouse = Annotated[Path, typer.Option(help="The published warehouse; opened read-only.")]
Output = Annotated[Path, typer.Option(help="Folder for results.")]
Specifications = Annotated[
    Path | None, typer.Option(help="CSV of your own tables beside the paper's; labels in a .yml beside it.")
]


def one_line_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a user can mend is said in one line on standard error, with exit code 2.

    What a command writes is its owner's alone to read.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        os.umask(0o077)
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if (line := in_one_line(error)) is None:
                raise
            typer.echo(line, err=True)
            raise typer.Exit(2) from None

    return run


@app.command()
@one_line_errors
def pseudo(
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 20200316,
    scale: Annotated[float, typer.Option(help="Size of TRACE, SOMA and of the other desks.")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder that gets raw/ and truth/.")] = Path("data"),
    world: Annotated[str, typer.Option(help="paper, null (limits change nothing) or strong.")] = "paper",
) -> None:
    """Write raw files for every source, in the layouts that the real ones have."""
    from dealer_limits.pseudo.world import write_world

    with Progress(TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("pseudo data", total=100)
        write_world(out, seed, scale, lambda step: progress.update(task, description=step, advance=1), world)
        progress.update(task, description=f"pseudo data in {out}", completed=100)


@app.command()
@one_line_errors
def build(
    variables: Annotated[
        str | None, typer.Option("--vars", help="Other values of variables of dbt_project.yml, as YAML or JSON.")
    ] = None,
) -> None:
    """Build, test and publish the warehouse: `dbt build` with a progress bar."""
    from dealer_limits.build import build_warehouse

    build_warehouse(console, variables=variables)


@app.command()
@one_line_errors
def run(output: Output = Path("output")) -> None:
    """Everything from raw files to the report, in one process; with RAW_DATA set, no pseudo data are made.

    The commands are `pseudo`, `build`, `check`, `match-quality` (of pseudo data), `estimate`, `inference`,
    `diagnostics` and `report`; the first that fails ends the run as it ends alone.
    """
    from dealer_limits.steps import Step, leave_dbt, run_steps

    is_pseudo = not os.environ.get("RAW_DATA")
    steps = [
        *([Step("pseudo", pseudo)] if is_pseudo else []),
        Step("build", lambda: leave_dbt(build)),
        Step("check", lambda: check(output=output)),
        *([Step("match-quality", lambda: match_quality(output=output))] if is_pseudo else []),
        Step("estimate", lambda: estimate(output=output)),
        Step("inference", lambda: inference(output=output)),
        Step("diagnostics", lambda: diagnostics(output=output)),
        Step("report", lambda: report(output=output)),
    ]
    run_steps(steps, console)


@app.command()
@one_line_errors
def dictionary() -> None:
    """Print what raw files must look like, column by column, from the contracts of the sources."""
    from dealer_limits.sources.dictionary import write_dictionary

    typer.echo(write_dictionary(), nl=False)


@app.command()
@one_line_errors
def estimate(
    table: Annotated[list[str] | None, typer.Option(help="Only these tables, as 2 or 9.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
    draws: Annotated[int, typer.Option(min=2, help="Bootstrap draws of quantile regressions.")] = 1000,
    block_days: Annotated[int, typer.Option(min=1, help="Length of the moving blocks beside pairs.")] = 20,
    engine: Annotated[
        str, typer.Option(help="packages, arrays, in the database (sql), or auto: packages, sql of large models.")
    ] = "auto",
    specifications: Specifications = None,
) -> None:
    """Estimate the registry, and your own tables; printed numbers stand beside ours where there are any."""
    from dealer_limits.estimation.quantile import Bootstrap
    from dealer_limits.estimation.run import run_estimates

    run_estimates(warehouse, output, table, console, Bootstrap(draws, block_days), engine, specifications)


@app.command()
@one_line_errors
def inference(
    table: Annotated[list[str] | None, typer.Option(help="Only these tables, as 2 or 9.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
    specifications: Specifications = None,
) -> None:
    """Set the errors that a referee may ask for beside the paper's, and say what is significant with these too."""
    from dealer_limits.estimation.inference import run_inference
    from dealer_limits.estimation.specification_curve import run_specification_curve

    run_inference(warehouse, output, table, console, own=specifications)
    if not table:
        run_specification_curve(warehouse, output, console)


@app.command()
@one_line_errors
def verify(
    table: Annotated[list[str] | None, typer.Option(help="Only these tables, as 2 or 9.")] = None,
    warehouse: Warehouse = WAREHOUSE,
) -> None:
    """Set every estimate of every engine beside the others' and pyfixest's; exit 1 if two differ."""
    from dealer_limits.estimation.verify import run_verification

    if not run_verification(warehouse, console, table):
        raise typer.Exit(1)


@app.command()
@one_line_errors
def check(warehouse: Warehouse = WAREHOUSE, output: Output = Path("output")) -> None:
    """Run the Great Expectations suites over staging and marts; exit 1 if one fails."""
    from dealer_limits.quality.run import run_checks

    if not run_checks(warehouse, output, console):
        raise typer.Exit(1)


@app.command()
@one_line_errors
def match_quality(warehouse: Warehouse = WAREHOUSE, output: Output = Path("output")) -> None:
    """Compare the SOMA match with the truth of the pseudo world: precision and recall by kind of match."""
    from dealer_limits.quality.match_quality import show_match_quality

    show_match_quality(warehouse, output, console)


@app.command()
@one_line_errors
def diagnostics(warehouse: Warehouse = WAREHOUSE, output: Output = Path("output")) -> None:
    """Regressions that tell reactions to limits from mechanics, beside what they give in known worlds."""
    from dealer_limits.estimation.diagnostics import run_diagnostics

    run_diagnostics(warehouse, output, console)


@app.command()
@one_line_errors
def tables(
    table: Annotated[list[str] | None, typer.Option(help="Only these; else your own, else all.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
) -> None:
    """Write tables of ours alone as Word and LaTeX, and their coefficients as plots."""
    from dealer_limits.exhibits.ours import write_tables

    write_tables(warehouse, output, table, console)


@app.command()
@one_line_errors
def report(
    truth: Annotated[Path | None, typer.Option(help="What the pseudo world planted, if not beside RAW_DATA.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
) -> None:
    """Write the report: a page with every exhibit beside the printed numbers; tables and figures as files."""
    from dealer_limits.exhibits.report import write_report
    from dealer_limits.sources.files import truth_folder

    write_report(warehouse, output, truth or truth_folder(), RUN_RESULTS, console)


@app.command()
@one_line_errors
def montecarlo(
    world: Annotated[str, typer.Option(help="paper, null or strong.")] = "paper",
    reps: Annotated[int | None, typer.Option(help="Worlds, a multiple of 10; 500, with --trades 20.")] = None,
    output: Output = Path("output"),
    trades: Annotated[bool, typer.Option(help="Instead: whole worlds, for Tables 11, 12, 13 and 15.")] = False,
    publish: Annotated[bool, typer.Option(help="Put three finished worlds into seeds/ and docs/.")] = False,
    split: Annotated[bool, typer.Option(help="Instead: diagnostics over shares of reaction, to docs/.")] = False,
) -> None:
    """Bias, coverage, power and size of the headline regressions where the truth is known; resumable."""
    from dealer_limits.montecarlo.committed import publish_montecarlo
    from dealer_limits.montecarlo.reaction_share import write_split
    from dealer_limits.montecarlo.repeat_desk_panel import run_montecarlo
    from dealer_limits.montecarlo.repeat_trades import run_trades

    if split:
        write_split(console)
    elif publish:
        publish_montecarlo(output)
    elif trades:
        run_trades(world, reps or 20, output, console)
    else:
        run_montecarlo(world, reps or 500, output, console)


@app.command()
@one_line_errors
def coverage(
    world: Annotated[str, typer.Option(help="paper, null or strong.")] = "paper",
    reps: Annotated[int, typer.Option(help="Worlds.")] = 2000,
    output: Output = Path("output"),
) -> None:
    """How often 95% intervals hold the truth of Tables 2 and 8, by the kind of errors; resumable."""
    from dealer_limits.montecarlo.coverage import run_coverage

    run_coverage(world, reps, output, console)


@app.command()
@one_line_errors
def calibrate(
    check: Annotated[bool, typer.Option(help="Leave the parameters; compare them on fresh seeds.")] = False,
    output: Output = Path("output"),
) -> None:
    """Fit the world `paper` to the printed numbers, or check all of them on 20 fresh whole worlds."""
    from dealer_limits.montecarlo.calibration_check import check_calibration
    from dealer_limits.montecarlo.calibration_fit import fit_parameters

    if check:
        check_calibration(console, output)
    else:
        fit_parameters(console)
