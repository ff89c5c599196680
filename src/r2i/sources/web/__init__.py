"""What is published on the web, and not in git: asking servers, downloading files, unpacking archives."""
