-- The container that a workspace has taken over, by the engine's id: labels cannot be put on a container
-- that exists, so that this is all that ties the two together. One container is one workspace's.
ALTER TABLE workspaces ADD COLUMN adopted TEXT;

CREATE UNIQUE INDEX workspaces_adopted ON workspaces (adopted) WHERE adopted IS NOT NULL;
