//! Images: layers, OCI layouts and archives, Dockerfile builders.
