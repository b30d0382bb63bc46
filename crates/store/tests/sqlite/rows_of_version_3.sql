-- What the third version wrote beside the rows of those before: a workspace that has adopted a container.
INSERT INTO workspaces (id, owner, name, labels, spec, generation, resource_version, created_at, adopted)
VALUES (
    '00000000000000000000000000000009', 'alice', 'adopted', '{}',
    '{"state":"running","image":"debian:12"}', 1, 9, '2026-11-22T10:00:00Z', 'c9'
);
