// Loads the package; prints the threads it would use and the environment variables that loading changed.
const before = { ...process.env };
const { devices } = await import('nearvote');
const names = new Set([...Object.keys(before), ...Object.keys(process.env)]);
const changed = [...names].filter((name) => before[name] !== process.env[name]);
process.stdout.write(JSON.stringify({ threads: devices()[0].threads, changed }));
