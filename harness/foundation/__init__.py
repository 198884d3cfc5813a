"""What every stage stands on and knows nothing of the subject: errors, files, images, random numbers, places."""
