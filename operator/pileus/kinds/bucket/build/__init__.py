"""What a Bucket becomes, piece by piece. Pure."""
