"""What the scripts that drive Pontoon with boto3 share."""
