"""What a FirewallPolicy meets in the cluster, piece by piece. Pure."""
