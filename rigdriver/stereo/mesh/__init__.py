"""From the pods' surfaces to what people use: fused points, triangle meshes, texture, files, pictures and tracks.

Not here: one pod's surface (see geometry/surface.py), and measures on meshes (see measure/).
"""
