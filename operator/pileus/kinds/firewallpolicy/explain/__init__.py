"""Why a flow passes or does not: from what was read of a cluster to an answer in words. Pure."""
