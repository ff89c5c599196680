"""What happens when notebooks run: containers, what they say, why they fail."""
