"""From responses to scores: predictions, columns, values, intervals of clustered samples."""
