"""Settings of the unit tests.

In: nothing. Out: hypothesis without time limits: an example that takes 200 ms, or examples that come slowly, tell of a
busy computer and of nothing else.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("any computer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any computer")
