"""What passes between acting and learning."""
