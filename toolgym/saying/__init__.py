"""What a text says: facts and values, whatever the words; whether an answer commits to a fact; whether it refuses."""
