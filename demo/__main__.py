"""``python -m demo``: the site and its sample apps in one process, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from werkzeug.serving import make_server

from demo import mcp_process
from demo.samples.elsewhere import sample_home
from flask_cimd import ConfigurationError
from flask_cimd_site import create_app, logs
from flask_cimd_site.config import DEVELOPMENT_PASSWORD, INSTANCE, Configuration


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--no-samples", action="store_true", help="run the site alone")
    arguments = parser.parse_args()
    # Service managers send SIGTERM; it ends the process like Ctrl-C, so that servers and files are closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        logs.set_up(os.environ)
        with contextlib.suppress(KeyboardInterrupt):
            _run(dict(os.environ), with_samples=not arguments.no_samples)
    except (ConfigurationError, OSError) as error:
        print(f"The demo cannot start: {error}", file=sys.stderr)
        return 2
    return 0


def _run(environment: dict[str, str], *, with_samples: bool) -> None:
    configuration = Configuration.from_environment(environment)
    with contextlib.ExitStack() as stack:
        samples = []
        has_mcp = with_samples and mcp_process.is_installed()
        if has_mcp:
            environment.setdefault("DEMO_MCP_URL", mcp_process.usual_url(configuration.port))
        if with_samples:
            samples = stack.enter_context(_samples(configuration, environment))
        app = create_app(environment)
        if has_mcp:
            stack.enter_context(mcp_process.running_mcp(app, environment))
        app.config["DEMO_SAMPLES"] = samples
        app.config["DEMO_SAMPLE_HOME"] = sample_home(configuration.port) if with_samples else None
        server = make_server(configuration.host, configuration.port, app, threaded=True)
        stack.callback(server.server_close)
        _announce(configuration, environment, samples)
        server.serve_forever()


def _samples(configuration: Configuration, environment: dict[str, str]) -> Any:
    if not configuration.development:
        raise ConfigurationError("the sample apps run in development only; add --no-samples or DEMO_DEVELOPMENT=1")
    from demo.samples.run import running_samples

    ca_file = INSTANCE / f"sample-ca-{configuration.port}.pem"
    environment.setdefault("CIMD_CA_BUNDLE", str(ca_file))
    return running_samples(
        configuration.me,
        configuration.port,
        ca_file,
        handle=configuration.handle,
        site=configuration.base_url,
        mcp_url=environment.get("DEMO_MCP_URL"),
    )


def _announce(configuration: Configuration, environment: Mapping[str, str], samples: list[Any]) -> None:
    lines = [f"The site:  {configuration.base_url}/"]
    lines += [f"{sample.name + ':':<10} {sample.url}/   {sample.about}" for sample in samples]
    if samples and mcp_process.is_installed():
        lines.append(f"{'MCP:':<10} {environment['DEMO_MCP_URL']}   Your notes, for MCP clients.")
    if configuration.development:
        if configuration.owner_password is not None:
            chosen = bool(environment.get("DEMO_OWNER_PASSWORD"))
            lines.append("Password:  " + ("the one in DEMO_OWNER_PASSWORD" if chosen else DEVELOPMENT_PASSWORD))
        lines.append("DEMO_DEVELOPMENT=1: for use on this computer only. Press Ctrl-C to stop.")
    print("\n" + "\n".join(lines) + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
