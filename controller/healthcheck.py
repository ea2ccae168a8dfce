"""Exit code 0 when the controller is ready for calls; a container's health check.

It is run every few seconds, so it uses the standard library alone, and reads only the variables
that docker-compose.yml sets.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask `/readyz`; prints why not when it is not ready."""
    bind = os.environ.get("HUAWU_BIND", "127.0.0.1")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)  # noqa: S104
    number = int(os.environ.get("HUAWU_CONTROLLER", "1"))
    url = f"http://{host}:{int(os.environ.get('HUAWU_WEB_PORT', '8080')) + number - 1}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=2):
            return 0
    except urllib.error.HTTPError as error:
        print(error.read(2000).decode(errors="replace"))
    except OSError as error:
        print(f"{url}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
