"""What users made of fixes that they were shown: acceptance by model version, and preference pairs."""
