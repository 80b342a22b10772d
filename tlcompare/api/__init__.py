"""What `import tlcompare` offers: functions that take what the command line takes, and what they return."""
