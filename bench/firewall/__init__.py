"""What FirewallPolicies cost: requests, passes and CPU of many over many pods, and how that grows."""
