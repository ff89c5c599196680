"""What people write for R: `install.R`, `DESCRIPTION`, `renv.lock`."""
