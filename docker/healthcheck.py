"""Exit code 0 where the service in this container answers that a worker is ready."""

import os
import ssl
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask GET /health; SEALKIT_HEALTH_URL names another address, for another port or HTTPS."""
    url = os.environ.get("SEALKIT_HEALTH_URL", "http://127.0.0.1:8080/health")
    itself = ssl.create_default_context()
    itself.check_hostname = False  # the certificate is for the outer name, and the call does not leave the container
    itself.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=itself))
    try:
        with opener.open(url, timeout=5) as answer:
            return int(answer.status != 200)
    except (urllib.error.URLError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
