"""What is played and mixed: tones, files, noise, beeps over speech."""
