"""Live streams to browsers and sockets: one reader a process, fanned out to bounded queues."""
