"""The operator of this checkout, which looks at Buckets anew after another time: `... operate SECONDS`."""

import sys

from pileus.cli.main import main
from pileus.objectstores import stores

if __name__ == "__main__":
    stores.RESYNC = float(sys.argv[1])
    main(["run"])
