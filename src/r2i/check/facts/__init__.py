"""What is known of distributions, modules, sizes and credentials without asking anybody."""
