"""Programs that run inside the local cluster's images, one file each.

They use Python's standard library only and import nothing of Pileus, since the images hold nothing else.
"""
