"""CloudVMs on KubeVirt's and CDI's own controllers."""
