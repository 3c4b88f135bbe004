"""What Kubernetes' own schemas do not say about these manifests, checked without a cluster."""
