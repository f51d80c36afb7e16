"""What a forecast would have said and earned, told by models that knew the past alone. Pure."""
