"""Measuring on meshes: distances, ways along the surface, areas, volumes, sections and deviations.

Not here: reading and mending meshes (see mesh/).
"""
