"""From detections to the plan, and from the plan to the Dockerfile."""
