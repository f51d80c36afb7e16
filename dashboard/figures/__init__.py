"""Pictures as Plotly figures: pure functions of what the API answered."""
