"""The only code that speaks S3 and the engines' APIs of users.

`connection` has the clients of one store, `settings` what of a bucket is read and written, `marks` how it
comes, says whose it is, and goes, `users` (with `iam`, `ceph`, `minio` and `garage`) its consumers, `probe`
what the store can do, `gate` how many calls it gets and when it is left alone. Everything here blocks, and
runs in the threads of a store's gate. No key's secret leaves but into a Secret.
"""
