"""What Buckets cost: calls of their store, writes to the API server, memory; beside a bare boto3 script."""
