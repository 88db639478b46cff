"""From packets that come when they come to frames that leave evenly."""
