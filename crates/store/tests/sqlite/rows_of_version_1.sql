-- One row of each table, as the first version wrote them.
UPDATE meta SET value = '42' WHERE key = 'resource_version';
INSERT INTO meta (key, value) VALUES ('instance_id', 'old-instance');

INSERT INTO workspaces
    (id, owner, name, labels, spec, generation, resource_version, created_at, deletion)
VALUES (
    '00000000000000000000000000000007', 'alice', 'web', '{"team":"payments"}',
    '{"state":"stopped","image":"debian:12","imagePullPolicy":"IfNotPresent","command":["sleep","infinity"],"env":{"EDITOR":"vim"},"workingDir":"/workspace","user":"1000:1000","project":{"path":"/srv/projects/payments","target":"/workspace","readOnly":false},"volumes":[{"name":"home","target":"/home/dev"}],"ports":[{"container":8080,"host":18080,"protocol":"tcp"}],"resources":{"cpus":1.0,"memory":"512MiB","pids":256},"health":{"command":["test","-f","/tmp/ok"],"interval":"10s","timeout":"3s","retries":3,"startPeriod":"5s"},"isolation":"standard","recovery":{"policy":"always","backoffBase":"1s","backoffMax":"5m","stableAfter":"1m","giveUpAfter":10},"onDrift":"recreate"}',
    3, 42, '2026-11-22T10:00:00.123456789Z',
    '{"requestedAt":"2026-11-22T11:00:00Z","actor":"alice","volumes":true}'
);

INSERT INTO statuses (workspace_id, observed_generation, status)
VALUES (
    '00000000000000000000000000000007', 2,
    '{"status":"active","phase":"Running","observedGeneration":2,"conditions":[{"type":"Ready","status":"True","reason":"Running","lastTransitionTime":"2026-11-22T10:00:01Z","observedGeneration":2}],"recovery":{"crashes":0,"gaveUp":false},"lastUpdated":"2026-11-22T10:00:01Z","syncAttempts":4}'
);

INSERT INTO events
    (id, time, type, actor, reason, message, old_status, new_status, trace_id, workspace_id, owner, name)
VALUES (
    17, '2026-11-22T10:00:01Z', 'status_changed', 'trueup', 'status_changed_inactive_to_active',
    'it runs', 'inactive', 'active', '0af7651916cd43dd8448eb211c80319c',
    '00000000000000000000000000000007', 'alice', 'web'
);

INSERT INTO passes (workspace_id, pass)
VALUES (
    '00000000000000000000000000000007',
    '{"generation":2,"startedAt":"2026-11-22T10:00:00Z","durationMs":812,"causes":[{"kind":"spec_change"}],"why":"there is no container","attempts":[{"action":"create container web","outcome":{"result":"done"}}]}'
);
