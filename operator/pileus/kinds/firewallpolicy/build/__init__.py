"""What a FirewallPolicy becomes, piece by piece. Pure."""
