"""From the pods' surfaces to what people use: fused points, triangle meshes, texture, files, pictures and tracks."""
