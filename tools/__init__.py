"""What generates and checks files of the project. Not part of any image."""
