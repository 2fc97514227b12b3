"""From a plan in user terms to the steps that the trigger box executes."""
