"""Measuring on meshes: distances, ways along the surface, areas, volumes, sections and deviations."""
