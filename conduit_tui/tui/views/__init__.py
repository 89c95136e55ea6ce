"""What the screens say, as lines of text: functions of data, without widgets."""
