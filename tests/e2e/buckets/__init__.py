"""Buckets on versitygw and on Ceph, and on request on MinIO and Garage."""
