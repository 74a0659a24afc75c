"""`eventlog completion`: print the script that makes a shell complete commands and session ids."""

import click
from click.shell_completion import get_completion_class


@click.command("completion", epilog='Example: eval "$(eventlog completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL."""
    group = ctx.find_root().command
    completion = get_completion_class(shell)
    if completion is not None:
        click.echo(completion(group, {}, "eventlog", "_EVENTLOG_COMPLETE").source())
