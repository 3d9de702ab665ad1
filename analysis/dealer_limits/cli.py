"""The command line. Heavy packages are imported by the commands that need them, so that --help is quick."""

from __future__ import annotations

import atexit
import functools
import gc
import inspect
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import DealerLimitsError, MissingError, in_one_line
from dealer_limits.project import is_project, no_project

# Matrices here are small, or are summed without BLAS: threads of it would cost more than they give, and round sums
# otherwise on another number of cores. It is read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# a pipe has no width of its own: wide enough for three columns of a table
console = Console(width=None if sys.stdout.isatty() else 120)

WAREHOUSE = Path(os.environ.get("WAREHOUSE_DIR", "warehouse")) / "dealer_limits.duckdb"
RUN_RESULTS = Path(os.environ.get("DBT_TARGET_PATH", "target")) / "run_results.json"
Warehouse = Annotated[Path, typer.Option(help="The published warehouse.")]
Output = Annotated[Path, typer.Option(help="Folder for results.")]
Specifications = Annotated[
    Path | None, typer.Option(help="CSV of your own tables beside the paper's; labels in a .yml beside it.")
]


def program() -> None:
    """The program. It ends without freeing a million objects one by one, which takes a second after a build."""
    try:
        app()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            # which Python prints
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code or 0)


def one_line_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a user can mend is said in one line on standard error, with exit code 2.

    What a command writes is its owner's alone to read. It runs in the project that DBT_PROJECT_DIR names, if any.
    """

    defaults = {name: option.default for name, option in inspect.signature(command).parameters.items()}

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        os.umask(0o077)
        try:
            return command(*args, **_in_project(kwargs, defaults))
        except Exception as error:
            if (line := in_one_line(error)) is None:
                raise
            typer.echo(line, err=True)
            raise typer.Exit(2) from None

    return run


def _in_project(options: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Go to the project that the environment names: defaults are of its folder, other paths of the one that is left."""
    if not (named := os.environ.get("DBT_PROJECT_DIR")):
        return options
    project = Path(named).absolute()
    if not is_project(project):
        raise DealerLimitsError(no_project(project))
    given = {
        name: value.absolute() for name, value in options.items() if isinstance(value, Path) and value != defaults[name]
    }
    # a command that calls others is there already
    os.environ["DBT_PROJECT_DIR"] = str(project)
    os.chdir(project)
    return options | given


def _need_project() -> None:
    if not is_project(Path()):
        raise DealerLimitsError(no_project(Path()))


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"dealer-limits {version('dealer-limits')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Dealers' risk limits: pseudo data, warehouse, estimates, data quality."""


@app.command()
@one_line_errors
def pseudo(
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 20200316,
    scale: Annotated[float, typer.Option(help="Size of TRACE, SOMA and of the other desks.")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder that gets raw/ and truth/.")] = Path("data"),
    world: Annotated[str, typer.Option(help="paper, null (limits change nothing) or strong.")] = "paper",
    other_sales: Annotated[
        float, typer.Option(help="Times what dealers sell to customers of what the Fed buys: harder to match.")
    ] = 1.0,
) -> None:
    """Write raw files for every source, in the layouts that the real ones have."""
    from dealer_limits.pseudo.world import write_world

    with Progress(TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("pseudo data", total=100)
        write_world(
            out, seed, scale, lambda step: progress.update(task, description=step, advance=1), world, other_sales
        )
        progress.update(task, description=f"pseudo data in {out}", completed=100)


@app.command()
@one_line_errors
def build(
    variables: Annotated[
        str | None, typer.Option("--vars", help="Other values of variables of dbt_project.yml, as YAML or JSON.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Build all, whatever changed.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every raw file, of which else size and time are looked at.")
    ] = False,
    target: Annotated[str, typer.Option(help="duckdb, or spark, which has an environment of its own.")] = "duckdb",
) -> None:
    """Build, test and publish the warehouse: what follows from raw files that changed, or all (docs/operations.md)."""
    _need_project()
    from dealer_limits.quality.ahead import import_ahead

    # what is published will be judged
    import_ahead()
    # what dbt makes of a project lives to the end: looking for cycles in it, over and over, takes a tenth of a load
    gc.disable()
    try:
        from dealer_limits.build import build_warehouse

        build_warehouse(console, variables=variables, is_full=full, trusts_times=not verify, target=target)
    finally:
        gc.enable()


@app.command()
@one_line_errors
def rollback(
    build: Annotated[str | None, typer.Argument(help="A kept file by its id; without one, all are listed.")] = None,
    warehouse: Warehouse = WAREHOUSE,
) -> None:
    """List the last published warehouses that are kept, or put one back in the place of the published one."""
    from rich.table import Table

    from dealer_limits.history import History
    from dealer_limits.kept import kept_files, said_of
    from dealer_limits.publish import roll_back

    if build is not None:
        replaced = roll_back(warehouse, build)
        History.beside(warehouse).write("rollback", build, replaced=replaced)
        typer.echo(f"{build} is published again; {replaced}, which it replaces, is kept")
        return
    if not warehouse.is_file():
        raise MissingError(f"there is no warehouse {warehouse}: run `dbt build` first")
    shown = Table("id", "built, UTC", "commit", "world", "MB")
    for file in (warehouse, *kept_files(warehouse.resolve())):
        said = said_of(file)
        built, commit, world = (str(said.started_at), said.project_commit[:12], said.world) if said else ("", "", "")
        name = "published" if file == warehouse else file.stem
        shown.add_row(name, built, commit, world, f"{file.stat().st_size / 1e6:.0f}")
    console.print(shown)


@app.command()
@one_line_errors
def history(
    last: Annotated[int, typer.Option(min=1, help="So many.")] = 10,
    warehouse: Warehouse = WAREHOUSE,
) -> None:
    """Show the last builds and runs: when, how long, how each ended, and the line that it ended with."""
    from dealer_limits.history import show_history

    show_history(warehouse, last, console)


@app.command()
@one_line_errors
def run(output: Output = Path("output")) -> None:
    """Everything from raw files to the report, in one process; with RAW_DATA set, no pseudo data are made.

    The commands are `pseudo`, `build`, `check`, `match-quality` (of pseudo data), `estimate`, `inference`,
    `match-weights`, `diagnostics` and `report`; the first that fails ends the run as it ends alone.
    """
    # before pseudo data are made for none
    _need_project()
    from dealer_limits.history import History
    from dealer_limits.steps import Step, leave_dbt, run_steps

    is_pseudo = not os.environ.get("RAW_DATA")
    steps = [
        *([Step("pseudo", pseudo)] if is_pseudo else []),
        Step("build", lambda: leave_dbt(build)),
        Step("check", lambda: check(output=output)),
        *([Step("match-quality", lambda: match_quality(output=output))] if is_pseudo else []),
        Step("estimate", lambda: estimate(output=output)),
        Step("inference", lambda: inference(output=output)),
        Step("match-weights", lambda: match_weights(output=output)),
        Step("diagnostics", lambda: diagnostics(output=output)),
        Step("report", lambda: report(output=output)),
    ]
    run_steps(steps, console, History.beside(WAREHOUSE))


@app.command()
@one_line_errors
def fetch(
    start: Annotated[str, typer.Option("--from", help="First day, as 2020-03-01.")],
    end: Annotated[str, typer.Option("--to", help="Last day, which is over.")],
    source: Annotated[str, typer.Option(help="Some of soma, fr_y9c and market, with commas.")] = "soma,fr_y9c,market",
    raw_data: Annotated[
        Path | None, typer.Option(envvar="RAW_DATA", help="The folder of the raw files, one folder per source.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="A mirror that is asked instead of the public hosts.")] = None,
) -> None:
    """Fetch public files of some days over the network, the one command that opens a connection."""
    from dealer_limits.sources.fetch import fetch_files, read_window

    fetch_files(read_window(start, end), filter(None, source.split(",")), raw_data, console, base_url)


@app.command()
@one_line_errors
def dictionary() -> None:
    """Print what raw files must look like, column by column, from the contracts of the sources."""
    from dealer_limits.sources.dictionary import write_dictionary

    typer.echo(write_dictionary(), nl=False)


@app.command()
@one_line_errors
def query(
    name: Annotated[str | None, typer.Argument(help="A query of docs/queries.md; without one, all are listed.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    csv: Annotated[Path | None, typer.Option(help="File for the answer, instead of the terminal.")] = None,
    page: Annotated[bool, typer.Option(help="Print docs/queries.md: each question with its SQL.")] = False,
) -> None:
    """Ask the warehouse one of the questions of analysis/queries."""
    from rich.table import Table

    from dealer_limits import queries

    if page:
        typer.echo(queries.page(), nl=False)
        return
    if name is None:
        shown = Table("query", "question")
        for each in queries.queries().values():
            shown.add_row(each.name, each.question)
        console.print(shown)
        return
    rows = queries.answer(name, warehouse)
    if csv is not None:
        queries.write_answer(rows, warehouse, csv)
        typer.echo(f"{rows.num_rows} rows in {csv}")
        return
    shown = Table(*rows.column_names)
    for row in rows.to_pylist():
        shown.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(shown)


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

    bootstrap = Bootstrap(draws, block_days)
    run_estimates(warehouse, output, table, console, bootstrap, engine, specifications, into_warehouse=True)


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

    run_inference(warehouse, output, table, console, own=specifications, into_warehouse=True)
    if not table:
        run_specification_curve(warehouse, output, console)


@app.command()
@one_line_errors
def rules(warehouse: Warehouse = WAREHOUSE, output: Output = Path("output")) -> None:
    """Read each rule that can be disputed otherwise: build what follows from it in a copy, and estimate again."""
    _need_project()
    from dealer_limits.estimation.run_rules import run_rules

    run_rules(warehouse, output, console)


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
def match_weights(
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
    draws: Annotated[int, typer.Option(min=2, help="Draws of the match from its weights.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 1969,
) -> None:
    """Weigh the sets of trades that may have filled each award, and carry draws of the match into Tables 11 to 13."""
    _need_project()
    from dealer_limits.matching.run import run_match_weights

    run_match_weights(warehouse, output, draws, seed, console)


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
def docs(warehouse: Warehouse = WAREHOUSE, output: Output = Path("output")) -> None:
    """Write the documentation of the warehouse: dbt's, as one page that loads nothing, and a data dictionary."""
    _need_project()
    from dealer_limits.documentation import write_docs

    write_docs(warehouse, output, console)


@app.command()
@one_line_errors
def export(
    disclosure: Annotated[Path, typer.Option(help="A new folder, for what may leave.")],
    least_firms: Annotated[
        int | None, typer.Option(help="Firms that a cell needs; defaults: docs/disclosure.md.")
    ] = None,
    largest_share: Annotated[float | None, typer.Option(help="Most that one firm may contribute to a cell.")] = None,
    two_largest_share: Annotated[float | None, typer.Option(help="Most that the two largest may.")] = None,
    warehouse: Warehouse = WAREHOUSE,
    output: Output = Path("output"),
) -> None:
    """Write aggregates that may leave a confidential place, each kept or withheld by rules, and a manifest."""
    from dealer_limits.disclosure.export import export_disclosure
    from dealer_limits.disclosure.rules import Rules

    given = {"least_firms": least_firms, "largest_share": largest_share, "two_largest_share": two_largest_share}
    rules = Rules(**{name: value for name, value in given.items() if value is not None})
    export_disclosure(warehouse, output, disclosure, rules, console)


@app.command()
@one_line_errors
def compare(
    exports: Annotated[list[Path], typer.Argument(metavar="A B [C ...]", help="Folders of exports.")],
    table: Annotated[list[str] | None, typer.Option(help="Show all cells of these, as 2 or figure_3.")] = None,
    output: Output = Path("output"),
) -> None:
    """Set exports side by side: coefficients by their combined standard errors, the match, and what is withheld."""
    from dealer_limits.disclosure.compare import compare_exports

    compare_exports(exports, output, table, console)


@app.command()
@one_line_errors
def montecarlo(
    world: Annotated[str, typer.Option(help="paper, null or strong.")] = "paper",
    reps: Annotated[
        int | None, typer.Option(help="Worlds, a multiple of 10; 500, with --trades 20, with --extensions 200.")
    ] = None,
    output: Output = Path("output"),
    trades: Annotated[bool, typer.Option(help="Instead: whole worlds, for Tables 11, 12, 13 and 15.")] = False,
    publish: Annotated[bool, typer.Option(help="Put three finished worlds into seeds/ and docs/.")] = False,
    split: Annotated[bool, typer.Option(help="Instead: diagnostics over shares of reaction, to docs/.")] = False,
    reaction: Annotated[
        bool,
        typer.Option(help="Instead: the worlds behind the reaction by indirect inference, and its coverage, to docs/."),
    ] = False,
    extensions: Annotated[
        bool, typer.Option(help="Instead: limit events and the shadow cost over time, of 200 worlds.")
    ] = False,
) -> None:
    """Bias, coverage, power and size of the headline regressions where the truth is known; resumable."""
    from dealer_limits.montecarlo.committed import publish_montecarlo
    from dealer_limits.montecarlo.reaction_coverage import write_reaction
    from dealer_limits.montecarlo.reaction_share import write_split
    from dealer_limits.montecarlo.repeat_desk_panel import run_montecarlo
    from dealer_limits.montecarlo.repeat_extensions import publish_extensions, run_extensions
    from dealer_limits.montecarlo.repeat_trades import run_trades

    if split:
        write_split(console)
    elif reaction:
        write_reaction(output, console)
    elif extensions and publish:
        publish_extensions(output)
    elif extensions:
        run_extensions(world, reps or 200, output, console)
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
    from dealer_limits.montecarlo.illiquidity_fit import fit_illiquidity_parameters
    from dealer_limits.montecarlo.levels_fit import fit_levels
    from dealer_limits.montecarlo.trade_fit import fit_trade_parameters

    if check:
        check_calibration(console, output)
    else:
        fit_levels(console)
        fit_parameters(console)
        # both follow the usage of the desks
        fit_trade_parameters(console)
        fit_illiquidity_parameters(console)
