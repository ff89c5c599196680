"""What files of Julia say: versions, projects, manifests."""
