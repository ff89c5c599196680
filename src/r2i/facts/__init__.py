"""What ships as data, each table with the module that reads it."""
