// run
function runReport() {}
